"""What stored results say of a definition: which fields make noise, what another definition would have told."""
