"""clean: what it does is no matter to a plan, but for what it names of Glue."""


def run(glue, args):  # noqa: ANN001, ANN201
    """Read by the catalog, write by a sink that keeps it up to date, and use the folder for temporary files."""
    orders = glue.create_dynamic_frame.from_catalog(database=args["DATABASE"], table_name="orders")
    sink = glue.getSink("s3", path=args["CLEAN_ORDERS_PATH"], enableUpdateCatalog=True)
    sink.setCatalogInfo(catalogDatabase=args["DATABASE"], catalogTableName="clean_orders")
    sink.writeFrame(orders.relationalize("orders", args["TempDir"]))
