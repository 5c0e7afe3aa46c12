"""`python -m deepeyes`, for where the console script is not on the path."""

from deepeyes.cli.main import main

if __name__ == "__main__":
    main()
