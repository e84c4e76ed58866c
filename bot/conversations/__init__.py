"""What was said: one row for each message, from 微信客服 or from the archive."""
