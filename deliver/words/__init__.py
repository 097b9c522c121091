"""Turns facts and codes of the analyses into the words that people read: sentences, numbers, dates, clock times."""
