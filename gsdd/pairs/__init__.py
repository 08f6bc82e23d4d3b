"""A .gsdd file -> HR-LR pairs."""
