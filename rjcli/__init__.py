"""Bulk uploader for the RJMetrics / Magento BI / Adobe Commerce Reporting Data Import API."""

__version__ = "0.1.0"
