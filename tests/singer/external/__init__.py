"""Tests against Singer's and Meltano's own tools, which `make test-singer` installs."""
