"""Is it the meter or the building: what a meter got wrong, how complete it is, whose energy is part of whose. Pure."""
