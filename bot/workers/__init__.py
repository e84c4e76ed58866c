"""Who does the waiting work. Each worker has ``run_once``; ``loop.py`` owns the waiting."""
