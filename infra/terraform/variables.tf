variable "project" {
  description = "Id of the project of Google Cloud. PROJECT in infra/flink/overlays/gpu and templates/README.md."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter. It is not the number."
  }
}

variable "bucket" {
  description = "Name of the bucket for images, shards, runs and templates; nobody else in the world may have it. my-bucket in infra/flink/overlays/gpu, BUCKET in templates/README.md."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, hyphens and underscores, without gs://."
  }
}

variable "region" {
  description = "Region of the bucket, the images, the cluster and Dataflow's jobs. REGION in infra/flink/overlays/gpu."
  type        = string
  nullable    = false
  default     = "europe-west4"
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is named like europe-west4. It is not a zone, such as europe-west4-a."
  }
}

variable "zones" {
  description = "Zones of the region in which nodes run; they must have NVIDIA L4 GPUs. Traffic between zones costs money, and workers exchange all parameters after each round, so one zone is the default."
  type        = list(string)
  nullable    = false
  default     = ["europe-west4-a"]
  validation {
    condition     = length(var.zones) > 0 && alltrue([for zone in var.zones : can(regex("^${var.region}-[a-z]$", zone))])
    error_message = "Wanted at least one zone, and each in the region, such as REGION-a."
  }
}

variable "namespace" {
  description = "Namespace of Kubernetes into which infra/flink/overlays/gpu is applied. Only its service account beit2 may use the bucket."
  type        = string
  nullable    = false
  default     = "default"
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A namespace has at most 63 lower-case letters, digits and hyphens."
  }
}

variable "cpu_machine_type" {
  description = "Machine type of the nodes without GPUs: for Flink's JobManagers and operator, the launcher and what GKE itself runs."
  type        = string
  nullable    = false
  default     = "e2-standard-4"
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*-[a-z0-9-]+$", var.cpu_machine_type))
    error_message = "A machine type is named like e2-standard-4."
  }
}

variable "cpu_nodes_min" {
  description = "Nodes without GPUs, in all zones together, that are always there. GKE itself needs one."
  type        = number
  nullable    = false
  default     = 1
  validation {
    condition     = var.cpu_nodes_min >= 1 && floor(var.cpu_nodes_min) == var.cpu_nodes_min
    error_message = "Wanted a whole number of at least 1."
  }
}

variable "cpu_nodes_max" {
  description = "Largest number of nodes without GPUs, in all zones together."
  type        = number
  nullable    = false
  default     = 3
  validation {
    condition     = var.cpu_nodes_max >= var.cpu_nodes_min && floor(var.cpu_nodes_max) == var.cpu_nodes_max
    error_message = "Wanted a whole number of at least cpu_nodes_min."
  }
}

variable "gpu_machine_type" {
  description = "Machine type of the nodes with a GPU, each with one NVIDIA L4. A TaskManager of infra/flink/overlays/gpu fills a g2-standard-8."
  type        = string
  nullable    = false
  default     = "g2-standard-8"
  validation {
    condition     = can(regex("^g2-standard-(8|12|16|32)$", var.gpu_machine_type))
    error_message = "Wanted g2-standard-8, -12, -16 or -32: these have one L4, and enough memory for a TaskManager."
  }
}

variable "gpu_nodes_max" {
  description = "Largest number of nodes with a GPU, in all zones together: the number of workers. Without TaskManagers there are none."
  type        = number
  nullable    = false
  default     = 4
  validation {
    condition     = var.gpu_nodes_max >= 1 && floor(var.gpu_nodes_max) == var.gpu_nodes_max
    error_message = "Wanted a whole number of at least 1."
  }
}

variable "launchers" {
  description = "Who may launch Dataflow's templates, such as user:ann@example.com or group:vision@example.com."
  type        = list(string)
  nullable    = false
  default     = []
  validation {
    condition     = alltrue([for member in var.launchers : can(regex("^(user|group|serviceAccount):[^@ ]+@[^@ ]+$", member))])
    error_message = "Each begins with user:, group: or serviceAccount:, and then is an e-mail address. All users of the internet are none of these."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the cluster."
  type        = bool
  nullable    = false
  default     = true
}
