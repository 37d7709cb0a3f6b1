"""Any classifier opened: its layers run step by step."""
