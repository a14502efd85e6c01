"""Prisme beside a running server of another program, which gets the requests of its own tracker."""
