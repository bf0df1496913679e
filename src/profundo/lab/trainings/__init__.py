"""Trainings as the lab's page sees them: started and stopped as processes of their own, watched in their folders, tried."""
