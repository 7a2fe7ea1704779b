import Images

/// Collects what the report says while entries come in, in the source's order.
struct Ledger {
  private(set) var report = AdmissionReport()
  /// The accepted pictures' names, in the pack's order.
  private(set) var names: [String] = []
  private let listedNames: Int
  private var seenNames: Set<String> = []
  private var firstWithHash: [ContentHash: Int] = [:]
  private var bars: [Int: Int] = [:]
  /// Pairs of accepted pictures with the same bytes: the later one and the first one.
  private var equalPairs: [(Int, Int)] = []

  init(listedNames: Int) { self.listedNames = listedNames }

  /// Enters one entry; returns the picture if it is to be stored.
  mutating func enter(_ entry: PreparedEntry) -> PackedPicture? {
    switch entry {
    case .skipped(let skipped):
      report.skippedCount += 1
      if report.skipped.count < listedNames { report.skipped.append(skipped) }
      return nil
    case .rejected(let rejection):
      reject(rejection)
      return nil
    case .accepted(let picture):
      return accept(picture)
    }
  }

  private mutating func reject(_ rejection: AdmissionReport.Rejection) {
    report.rejectedCount += 1
    if report.rejected.count < listedNames { report.rejected.append(rejection) }
  }

  private mutating func accept(_ picture: PreparedPicture) -> PackedPicture? {
    let name = picture.packed.name
    guard seenNames.insert(name).inserted else {
      reject(
        .init(name: name, code: .duplicateName, detail: "An earlier picture has the same path."))
      return nil
    }
    let index = names.count
    names.append(name)
    report.accepted += 1
    if picture.packed.isGray { report.grayCount += 1 }
    if picture.hasAlpha { report.alphaCount += 1 }
    bars[powerOfTwo(below: picture.originalShortSide), default: 0] += 1
    if let first = firstWithHash[picture.hash] {
      equalPairs.append((index, first))
      report.duplicateCount += 1
      if report.duplicates.count < listedNames {
        report.duplicates.append(.init(name: name, original: names[first]))
      }
    } else {
      firstWithHash[picture.hash] = index
    }
    return picture.packed
  }

  private func powerOfTwo(below count: Int) -> Int {
    1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
  }

  /// The whole report, once it is known what every folder stands for.
  func report(with places: FolderPlaces) -> AdmissionReport {
    var report = report
    report.sizes = bars.sorted { $0.key < $1.key }.map { .init(shortSide: $0.key, count: $0.value) }
    report.labels = places.labels.map { .init(name: $0, train: 0, validation: 0, test: 0) }
    for place in places.places {
      report.splits[place.split.name, default: 0] += 1
      guard let label = place.label else {
        report.unlabelledCount += 1
        continue
      }
      switch place.split {
      case .train: report.labels[label].train += 1
      case .validation: report.labels[label].validation += 1
      case .test: report.labels[label].test += 1
      }
    }
    report.duplicatesAcrossSplits =
      equalPairs.count { places.places[$0].split != places.places[$1].split }
    report.advice = report.makeAdvice()
    return report
  }
}

extension AdmissionReport {
  /// What to know before training, from the counts.
  fileprivate func makeAdvice() -> [String] {
    var advice: [String] = []
    if grayCount == accepted {
      advice.append(
        "All pictures are gray: changes of saturation and hue do nothing; expect about 9 points "
          + "less than with colour.")
    }
    let train = splits[Split.train.name] ?? 0
    if train < 512 {
      advice.append("Only \(train) pictures to learn from: the batch has to be small.")
    }
    let tiny = sizes.filter { $0.shortSide < 32 }.reduce(0) { $0 + $1.count }
    if tiny > 0 {
      advice.append("\(tiny) pictures have a short side below 32 pixels and will be enlarged.")
    }
    if duplicatesAcrossSplits > 0 {
      advice.append(
        "\(duplicatesAcrossSplits) pictures are in more than one of train, val and test: an "
          + "evaluation would look better than it is.")
    }
    if !labels.isEmpty, splits[Split.test.name] == nil {
      advice.append("There is no test folder: an evaluation has to hold out pictures of train.")
    }
    return advice
  }
}
