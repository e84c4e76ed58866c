"""WeCom in a box: a real HTTP server that plays WeCom, its message archive and WeChat Pay on loopback.

It signs and sends callbacks, answers the API as strictly as the platform's documents say, remembers what
it was told, and misbehaves on request. The product never imports it; demos and story tests do.
"""
