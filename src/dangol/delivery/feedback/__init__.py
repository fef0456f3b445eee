"""What carriers report back: who says so (signatures), and what it means. Pure; nothing here touches the store."""
