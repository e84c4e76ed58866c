"""Staff, contacts, the follows between them, and the tags WeCom knows."""
