"""Files that admins upload to be imported: received piece by piece, read by a process of its own, then removed."""
