"""What lasts: the tail while segments are loaded, growth with the file, memory, disk, and the start after a crash."""
