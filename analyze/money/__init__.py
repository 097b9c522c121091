"""What energy costs: tariffs by time, demand, bills, and the words for savings. Pure."""
