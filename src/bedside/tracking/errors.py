"""What can go wrong between a journal and the tracking store."""


class TrackingError(RuntimeError):
    """The tracking store did not take everything; nothing is lost, the journals still hold it."""


class AddressError(TrackingError):
    """No store can be there, however long it is waited for."""
