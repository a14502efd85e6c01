"""What each stage of a pageview's way costs, in instructions: a guard that no neighbour on the machine can disturb."""
