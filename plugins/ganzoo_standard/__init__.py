"""Standard losses, penalties and schedules, which recipes share."""
