# One project of Google Cloud: a bucket, images, accounts, a cluster of GKE for Flink, and what Dataflow needs. See README.md.
terraform {
  required_version = ">= 1.9" # the zones' validation reads the region
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.0"
    }
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = { app = "beit2" }
}

# Destroying the rest leaves them on: something else in the project may use them.
resource "google_project_service" "apis" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com", # roles in the project
    "compute.googleapis.com",
    "container.googleapis.com",
    "dataflow.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com", # Workload Identity, and acting as who launches templates
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "storage.googleapis.com",
  ])
  service            = each.key
  disable_on_destroy = false
}
