"""Settings: their types and groups, one model a command, recipes, and how people write them."""
