"""A folder of photos in, one .gsdd file out: the stages of compress()."""
