"""Class folders of photos -> catalog -> HR crops; HR -> LR."""
