"""What begins by itself: schedules and their times."""
