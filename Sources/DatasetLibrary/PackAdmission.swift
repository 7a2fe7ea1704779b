public import Datasets
import Foundation
import Recipes

/// Admission into packs: the real one.
public struct PackAdmission: DatasetAdmission {
  private let limits: AdmissionLimits
  private let threads: Int

  /// An admission held to limits, preparing pictures on some threads.
  public init(limits: AdmissionLimits = AdmissionLimits(), threads: Int = 1) {
    self.limits = limits
    self.threads = threads
  }

  /// Reads an archive or folder and makes `directory` with a pack and its `report.json`.
  public func admit(
    source: String, into directory: String,
    progress: @escaping @Sendable (AdmissionProgress) -> Void
  ) throws -> AdmittedDataset {
    do throws(AdmissionError) {
      let report = try Datasets.admit(
        source: try DatasetSource(path: source), into: directory, limits: limits, threads: threads,
        progress: progress)
      return try AdmittedDataset(report, pack: directory)
    } catch {
      throw DatasetLibraryError(error)
    }
  }

  /// One picture of a pack.
  public func picture(_ index: Int, of id: String, in directory: String) throws -> DatasetPicture {
    let pack = try Pack(directory: directory)
    guard (0..<pack.count).contains(index) else {
      throw DatasetLibraryError.noSuchImage(id, index: index, count: pack.count)
    }
    let label = pack[index].label.map { pack.labels[$0] }
    return DatasetPicture(image: try pack.image(at: index), label: label)
  }
}

extension AdmittedDataset {
  /// What the library must know of a pack and its report.
  ///
  /// - Throws: `AdmissionError.pack` where the pack that was just written does not open.
  public init(_ report: AdmissionReport, pack directory: String) throws(AdmissionError) {
    let pack: Pack
    do throws(PackError) {
      pack = try Pack(directory: directory)
    } catch {
      throw .pack(error)
    }
    let labels = report.labels.map { ($0.name, $0.train + $0.validation + $0.test) }
    self.init(
      pictures: report.accepted, labels: Dictionary(labels) { $0 + $1 },
      splits: report.splits,
      size: DatasetSize(trainingPicturesOf: pack))
  }
}

extension DatasetLibraryError {
  /// The library's error for one of admission.
  init(_ error: AdmissionError) {
    switch error {
    case .pack(.system(_, _, let code)) where code == ENOSPC || code == EDQUOT: self = .diskFull
    case .noPictures(let report):
      let reasons = Dictionary(grouping: report.rejected, by: \.code).mapValues(\.count)
        .sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        .map { "\($0.value) \($0.key.rawValue)" }
      let list = reasons.isEmpty ? "" : " Reasons: \(reasons.joined(separator: ", "))."
      self = .rejected("\(error)\(list)")
    case .unsupportedArchive: self = .unknownFormat
    default: self = .rejected("\(error)")
    }
  }
}
