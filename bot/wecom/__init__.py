"""WeCom's protocol, without one business word: envelope, events, client, errors."""
