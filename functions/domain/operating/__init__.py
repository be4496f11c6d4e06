"""What operators decide: the rule that orders on reports and on appeals share."""
