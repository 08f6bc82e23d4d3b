"""The command line: click commands that parse, call gsdd and print. No logic."""
