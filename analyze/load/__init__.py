"""What a load usually does: opening hours, profiles, expected load, scores, steps, forecasts. Pure."""
