"""Publish the page as a Space on the Hugging Face Hub."""
