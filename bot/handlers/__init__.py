"""What happens for each kind of inbox item: decide, write rows and intents, never send."""
