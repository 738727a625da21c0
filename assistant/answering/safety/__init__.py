"""What is looked at before anything is answered: danger to a life, a patient's identity, passages that give orders."""
