class StatelessScope:
    pass
