public import Datasets
import Foundation
import Recipes
import Synchronization

/// Admission into packs: the real one.
public final class PackAdmission: DatasetAdmission {
  private let limits: AdmissionLimits
  private let threads: Int
  /// Packs that were looked at last, the last one last: opening one reads and checks its whole index.
  private let opened = Mutex<[(directory: String, pack: Pack)]>([])
  private static let openPacks = 4

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
    let pack = try pack(in: directory)
    guard (0..<pack.count).contains(index) else {
      throw DatasetLibraryError.noSuchImage(id, index: index, count: pack.count)
    }
    let label = pack[index].label.map { pack.labels[$0] }
    return DatasetPicture(image: try pack.image(at: index), label: label)
  }

  /// Pictures of a pack, in its order.
  public func pictures(
    _ filter: DatasetFilter, from first: Int, limit: Int, in directory: String
  ) throws -> [ListedPicture] {
    let pack = try pack(in: directory)
    let wanted = filter.label.flatMap { pack.labels.firstIndex(of: $0) }
    if let label = filter.label, wanted == nil, !label.isEmpty {
      throw DatasetLibraryError.noSuchLabel(label)
    }
    return pack.pictures(from: first, limit: limit) { label, split in
      (filter.label == nil || label == wanted) && (filter.split == nil || split == filter.split)
    }.map { number in
      let entry = pack[number]
      return ListedPicture(
        number: number, name: entry.name, label: entry.label.map { pack.labels[$0] },
        split: entry.split, width: entry.width, height: entry.height)
    }
  }

  /// Lets a pack's files go, so that the disk gets their room back.
  public func forget(_ directory: String) {
    opened.withLock { $0.removeAll { $0.directory == directory } }
  }

  private func pack(in directory: String) throws(PackError) -> Pack {
    let known = opened.withLock { opened in
      opened.firstIndex { $0.directory == directory }.map { index in
        let found = opened.remove(at: index)
        opened.append(found)
        return found.pack
      }
    }
    if let known { return known }
    let pack = try Pack(directory: directory)
    opened.withLock { opened in
      opened.append((directory, pack))
      if opened.count > Self.openPacks { opened.removeFirst() }
    }
    return pack
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
