"""A day at the shop: the demo, played against WeCom-in-a-box. Nothing here is needed to serve a real shop."""
