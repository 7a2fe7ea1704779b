internal import Glibc

extension EvaluationReport {
  /// Where the model is not above a baseline, and what to do then.
  var findings: [String] {
    guard let model = rows.first(where: { $0.subject == .model }) else { return [] }
    var sentences: [String] = []
    for accuracy in model.accuracies {
      for baseline in rows where baseline.subject != .model {
        guard let other = baseline.accuracies.first(where: { $0.protocol == accuracy.protocol })
        else { continue }
        sentences += comparison(
          accuracy.top1, other.top1, with: baseline.subject, on: accuracy.protocol.title)
      }
    }
    if let recall = model.labelFree?.viewRecall,
      let other = rows.first(where: { $0.subject == .randomNetwork })?.labelFree?.viewRecall
    {
      sentences += comparison(recall, other, with: .randomNetwork, on: "recall@1 of views")
    }
    guard !sentences.isEmpty else { return [] }
    return sentences + [
      """
      What to do: train longer or on more pictures, with negatives (negatives_weight, or simclr), which learn faster in the \
      first minutes; until the model is above every baseline, embeddings from what costs nothing serve better.
      """
    ]
  }

  private func comparison(
    _ model: Double, _ other: Double, with subject: Subject, on title: String
  ) -> [String] {
    guard model <= other else { return [] }
    let (mine, theirs) = (figure(model, 2), figure(other, 2))
    // Rounded alike, the two need more digits to show which is less.
    let digits = mine == theirs && model < other ? 4 : 2
    return [
      "The model is \(model < other ? "below" : "no better than") \(subject.title) on \(title): "
        + "\(figure(model, digits)) \(model < other ? "<" : "=") \(figure(other, digits))."
    ]
  }

  /// What limits the figures.
  var limits: [String] {
    var sentences: [String] = []
    switch pictures.split {
    case .test: break
    case .validation: sentences.append("There is no test split: the pictures of val are judged.")
    case .holdOut:
      sentences.append(
        """
        There is no test or val split: \(pictures.judged) pictures of train, drawn with seed \(pictures.seed), are held out \
        and judged. A model trained on this set has seen them, without labels. Where pictures have neighbours in place or time, as \
        tiles of a map and frames of a film do, a random part of them is easier than new places and times.
        """)
    }
    sentences += repetitions
    if !rows.contains(where: { $0.subject == .randomNetwork }) {
      sentences.append(
        "What costs nothing was left out: whether the model is above it is not known.")
    }
    if pictures.isQuick {
      sentences.append(
        "Quick: a fixed part of the pictures; a figure may differ from that of all by a few hundredths."
      )
    } else if pictures.judged + pictures.reference < pictures.available {
      sentences.append(
        """
        A fixed part of the \(pictures.available) pictures was taken: at most \(EvaluationLimits.judged) are judged, against at most \
        \(EvaluationLimits.reference).
        """)
    }
    if pictures.classes == nil {
      sentences.append(
        """
        Too few pictures have labels to judge by them (two classes are needed): only the measures without labels are given. \
        They compare networks with each other, not with image statistics or whitened patches.
        """)
    }
    let most = rows.flatMap(\.accuracies).compactMap { accuracy in
      if case .neighbours(let k) = accuracy.protocol { k } else { nil }
    }.max()
    if let most, most > pictures.reference {
      sentences.append(
        "Where k is greater than \(pictures.reference), all reference pictures vote.")
    }
    return sentences + fewerCrops
  }

  /// Where judged pictures are among those that they are compared with. Without any of them an accuracy a would be b with
  /// a − b ≤ (1 − b) · share ≤ share, where share is their part of all.
  private var repetitions: [String] {
    guard let repeated = pictures.repeated, repeated > 0 else { return [] }
    let share = figure(100 * Double(repeated) / Double(pictures.judged), 1)
    let has = repeated == 1 ? "has an equal or nearly equal one" : "have equal or nearly equal ones"
    return [
      """
      \(repeated) of the \(pictures.judged) judged pictures \(has) among the \(pictures.reference) that they are compared \
      with: accuracies are too high by up to \(share) percentage points. Put pictures that belong together, such as those of one place, \
      person or film, into one part of the set.
      """
    ]
  }

  /// Where there was no memory for all crops.
  private var fewerCrops: [String] {
    let counts = rows.flatMap { row in
      row.accuracies.compactMap { accuracy in
        accuracy.crops.flatMap {
          $0 < EvaluationLimits.sgdViews ? "\($0) for \(row.subject.title)" : nil
        }
      }
    }
    guard !counts.isEmpty else { return [] }
    return [
      """
      The linear classifier by SGD learned from fewer than \(EvaluationLimits.sgdViews) crops of each reference picture where the \
      vectors of all would be more than \(EvaluationLimits.sgdValues >> 20) Mi values: \(counts.joined(separator: ", ")).
      """
    ]
  }

  /// The table for people, a line each: accuracies, then the measures without labels.
  public var table: [String] {
    let protocols = rows.first?.accuracies.map(\.protocol) ?? []
    var lines: [[String]] = []
    if !protocols.isEmpty {
      lines.append([""] + protocols.map(\.title))
      lines += rows.filter { !$0.accuracies.isEmpty }.map { row in
        [row.subject.title]
          + protocols.map { kind in
            let accuracy = row.accuracies.first { $0.protocol == kind }
            return accuracy.map { "\(figure(100 * $0.top1, 1)) %" } ?? "–"
          }
      }
    }
    let measured = aligned(
      [["", "RankMe", "LiDAR", "recall@1 of views", "mean cosine"]]
        + rows.compactMap { row in
          row.labelFree.map {
            [
              row.subject.title, figure($0.rankMe, 1), figure($0.lidar, 1),
              "\(figure(100 * $0.viewRecall, 1)) %", figure($0.meanCosine, 3),
            ]
          }
        })
    return aligned(lines) + (measured.count > 1 ? measured : [])
  }
}

/// A number with that many digits after the point.
private func figure(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return "–" }
  let scale = pow(10, Double(digits))
  let units = Int((abs(value) * scale).rounded())
  let (whole, rest) = units.quotientAndRemainder(dividingBy: Int(scale))
  let sign = value < 0 && units > 0 ? "-" : ""
  let fraction = String(rest)
  let zeros = String(repeating: "0", count: max(0, digits - fraction.count))
  return digits > 0 ? "\(sign)\(whole).\(zeros)\(fraction)" : "\(sign)\(whole)"
}

/// Lines of cells in columns: the first to the left, the others to the right.
private func aligned(_ lines: [[String]]) -> [String] {
  let widths = (lines.first ?? []).indices.map { column in
    lines.map { $0[column].count }.max() ?? 0
  }
  return lines.map { line in
    line.enumerated().map { column, cell in
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      return column == 0 ? cell + padding : padding + cell
    }.joined(separator: "  ")
  }
}
