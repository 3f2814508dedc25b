"""Defects, put into the program by importing one of these modules in the process that forks its lives."""
