"""What people write in CEL: conditions of rules, templates of messages, and what they look back on."""
