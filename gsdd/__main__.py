"""`python -m gsdd`, for `torchrun -m gsdd`."""

from gsdd.cli.entry import run

if __name__ == "__main__":
    run()
