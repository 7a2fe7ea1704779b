import Datasets
import Threads

/// Does the work of admission on a thread of its own.
actor AdmissionDesk {
  private let executor = ThreadExecutor(name: "admission")
  private let admission: any DatasetAdmission

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  init(_ admission: any DatasetAdmission) { self.admission = admission }

  func admit(
    source: String, into directory: String,
    progress: @escaping @Sendable (AdmissionProgress) -> Void
  ) throws -> AdmittedDataset {
    try admission.admit(source: source, into: directory, progress: progress)
  }

  func perform<Result: Sendable>(_ work: @Sendable () throws -> Result) throws -> Result {
    try work()
  }
}
