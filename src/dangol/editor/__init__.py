"""The room of the editor: reads what a workspace's messages say to whom, before anybody gets them."""
