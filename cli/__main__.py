"""`python -m cli`: the `parley` command where the project is not installed, as in its image."""

from cli.main import main

if __name__ == "__main__":
    main()
