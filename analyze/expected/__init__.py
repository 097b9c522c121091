"""The one model of what each meter would have drawn: like days, weather, and how sure that is."""
