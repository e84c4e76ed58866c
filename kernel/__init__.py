"""The slab under the rooms: small modules without one business word in them."""
