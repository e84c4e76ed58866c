"""The message archive: envelopes by ``seq``, decryption, quarantine."""
