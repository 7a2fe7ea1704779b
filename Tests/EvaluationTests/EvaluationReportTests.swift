import Evaluation
import Foundation
import Testing

@Suite("Splits and reports of evaluations")
struct EvaluationReportTests {
  private typealias Source = EvaluationSplit.Source

  @Test(arguments: [
    (train: 0..<6, validation: 10..<13, test: 20..<22, source: Source.test, judged: 20..<22),
    (train: 0..<6, validation: 10..<13, test: 0..<0, source: .validation, judged: 10..<13),
    (train: 0..<6, validation: 0..<0, test: 20..<22, source: .test, judged: 20..<22),
  ])
  func `test is judged, else val, against train`(
    train: Range<Int>, validation: Range<Int>, test: Range<Int>, source: EvaluationSplit.Source,
    judged: Range<Int>
  ) throws {
    let split = try #require(
      EvaluationSplit(
        train: Array(train), validation: Array(validation), test: Array(test), seed: 1))
    #expect(split.source == source)
    #expect(split.judged == Array(judged) && split.reference == Array(train))
  }

  @Test func `without train, test is judged against val`() throws {
    let split = try #require(
      EvaluationSplit(train: [], validation: [1, 2], test: [3], seed: 1))
    #expect(split.source == .test && split.judged == [3] && split.reference == [1, 2])
  }

  @Test func `without val and test a fifth of train is held out, the same one for a seed`() throws {
    func split(_ seed: UInt64) throws -> EvaluationSplit {
      try #require(
        EvaluationSplit(train: Array(100..<200), validation: [], test: [], seed: seed))
    }
    let first = try split(3)
    #expect(first.source == .holdOut)
    #expect(first.judged.count == 20 && first.reference.count == 80)
    #expect(Set(first.judged + first.reference) == Set(100..<200))
    #expect(try split(3) == first)
    #expect(try split(4) != first)
    let two = try #require(EvaluationSplit(train: [7, 8], validation: [], test: [], seed: 0))
    #expect(two.judged.count == 1 && two.reference.count == 1)
  }

  @Test func `pictures on one side alone are no split`() {
    #expect(EvaluationSplit(train: [], validation: [], test: [], seed: 0) == nil)
    #expect(EvaluationSplit(train: [1], validation: [], test: [], seed: 0) == nil)
    #expect(EvaluationSplit(train: [], validation: [], test: [1, 2], seed: 0) == nil)
    #expect(EvaluationSplit(train: [], validation: [1, 2], test: [], seed: 0) == nil)
  }

  @Test func `a quick evaluation takes a fixed part, in order`() throws {
    let all = try #require(
      EvaluationSplit(train: Array(0..<1000), validation: [], test: Array(1000..<1100), seed: 0))
    let part = all.limited(judged: 10, reference: 50, seed: 5)
    #expect(part.judged.count == 10 && part.reference.count == 50)
    #expect(part.judged == part.judged.sorted() && Set(part.reference).count == 50)
    #expect(all.limited(judged: 10, reference: 50, seed: 5) == part)
    #expect(all.limited(judged: 500, reference: 5000, seed: 5) == all)
  }

  @Test(arguments: ["knn-1", "knn-20", "knn-10000", "linear", "sgd"])
  func `a protocol has a name that reads back`(name: String) {
    #expect(EvaluationProtocol(name: name)?.name == name)
  }

  @Test(arguments: [
    "knn-0", "knn-10001", "knn-", "knn-+5", "knn-05", "knn", "Linear", "", "knn--1",
    "SGD", "sgd ", "sgd-80",
  ])
  func `other names are no protocol`(name: String) {
    #expect(EvaluationProtocol(name: name) == nil)
  }

  @Test func `a report says in words where the model is below or no better than a baseline`()
    throws
  {
    let report = try report(model: [0.56, 0.58], statistics: [0.73, 0.5801], random: [0.56, 0.4])
    #expect(
      report.sentences.prefix(3) == [
        "The model is no better than the random network on k-NN (20): 0.56 = 0.56.",
        "The model is below image statistics on k-NN (20): 0.56 < 0.73.",
        "The model is below image statistics on linear probe: 0.5800 < 0.5801.",
      ])
    #expect(report.sentences.count { $0.hasPrefix("What to do: ") } == 1)
  }

  @Test func `a model above every baseline has no such sentence`() throws {
    #expect(
      try report(model: [0.9, 0.95], statistics: [0.73, 0.7], random: [0.5, 0.4]).sentences == [])
  }

  @Test func `a report says what limits its figures`() throws {
    let holdOut = try #require(
      EvaluationSplit(train: Array(0..<10), validation: [], test: [], seed: 9))
    let pictures = EvaluationReport.Pictures(
      holdOut, available: 10, classes: nil, viewed: 2, viewsPerPicture: 4, isQuick: true, seed: 9)
    let found = EvaluationReport(
      pictures: pictures,
      rows: [
        row(.model, [], recall: 0.2), row(.randomNetwork, [], recall: 0.5),
      ], networkSeed: 0, seconds: 1
    ).sentences.joined(separator: "\n")
    for part in [
      "below the random network on recall@1 of views: 0.20 < 0.50", "seed 9", "Quick", "labels",
    ] {
      #expect(found.contains(part), "\(part)")
    }
    let labelled = EvaluationReport.Pictures(
      holdOut, available: 10, classes: 2, viewed: 2, viewsPerPicture: 4, isQuick: false, seed: 9)
    let few = EvaluationReport(
      pictures: labelled, rows: [row(.model, [0.5])], networkSeed: 0, seconds: 1)
    #expect(few.sentences.contains("Where k is greater than 8, all reference pictures vote."))
  }

  @Test(arguments: [
    (0, nil), (1, "1 of the 4 judged pictures has an equal"), (3, "up to 75.0 percentage"),
  ])
  func `pictures that are on both sides are told, with what they may add to an accuracy`(
    repeated: Int, part: String?
  ) throws {
    let split = try #require(
      EvaluationSplit(train: Array(0..<10), validation: [], test: Array(10..<14), seed: 9))
    let pictures = EvaluationReport.Pictures(
      split, available: 14, classes: 2, repeated: repeated, viewed: 2, viewsPerPicture: 4,
      isQuick: false, seed: 9)
    let report = EvaluationReport(
      pictures: pictures, rows: [row(.model, [0.9]), row(.randomNetwork, [0.5])], networkSeed: 0,
      seconds: 1)
    let found = report.sentences.filter { $0.contains("nearly equal") }
    #expect(found.count == (part == nil ? 0 : 1))
    if let part { #expect(found.first?.contains(part) == true, "\(found)") }
    let data = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(EvaluationReport.self, from: data) == report)
  }

  @Test func `a part of too many pictures is told`() throws {
    let sentences = try report(
      model: [0.9, 0.9], statistics: [0, 0], random: [0, 0], available: 401
    ).sentences
    #expect(sentences.count == 1 && sentences[0].contains("401 pictures"))
  }

  @Test func `the table has a row for each subject, aligned`() throws {
    let report = try report(model: [0.5612, 1], statistics: [0.73, 0.7], random: [0.5, 0.0049])
    #expect(
      report.table == [
        "                    k-NN (20)  linear probe",
        "the model              56.1 %       100.0 %",
        "the random network     50.0 %         0.5 %",
        "image statistics       73.0 %        70.0 %",
        "                    RankMe  LiDAR  recall@1 of views  mean cosine",
        "the model             10.0    5.0             90.0 %       -0.100",
        "the random network    10.0    5.0             50.0 %       -0.100",
      ])
  }

  @Test func `a row that a protocol cannot judge has a dash, and is compared with nothing there`()
    throws
  {
    var report = try report(model: [0.4, 0.3], statistics: [0.73, 0.7], random: [0.5, 0.2])
    report.rows[2].accuracies.removeFirst()
    let found = EvaluationReport(
      pictures: report.pictures, rows: report.rows, networkSeed: 3, seconds: 2)
    #expect(found.table[3] == "image statistics            –        70.0 %")
    #expect(found.table[0].count == found.table[3].count)
    #expect(!found.sentences.contains { $0.contains("image statistics on k-NN") })
    #expect(found.sentences.contains { $0.contains("image statistics on linear probe") })
    #expect(report.sentences.contains { $0.contains("image statistics on k-NN") })
  }

  @Test func `figures of the classifier by SGD read back, and fewer crops are told`() throws {
    var report = try report(model: [0.9, 0.9], statistics: [0, 0], random: [0, 0])
    for (row, crops) in [8, 8, 5].enumerated() {
      report.rows[row].accuracies.append(
        .init(.sgd, top1: row == 0 ? 0.5 : 0.6, learningRate: 0.2, crops: crops))
    }
    let found = EvaluationReport(
      pictures: report.pictures, rows: report.rows, networkSeed: 3, seconds: 2)
    #expect(found.sentences.first?.contains("random network on linear by SGD: 0.50 < 0.60") == true)
    #expect(
      found.sentences.last
        == "The linear classifier by SGD learned from fewer than 8 crops of each reference picture where the "
        + "vectors of all would be more than 256 Mi values: 5 for image statistics.")
    #expect(!report.sentences.contains { $0.contains("fewer than 8 crops") })
    let data = try JSONEncoder().encode(found)
    #expect(try JSONDecoder().decode(EvaluationReport.self, from: data) == found)
    let text = String(decoding: data, as: UTF8.self)
    #expect(text.contains(#""crops":5"#))
    // What another protocol found has none.
    #expect(text.components(separatedBy: "learningRate").count == 4)
  }

  @Test func `a report reads back from its JSON`() throws {
    let report = try report(model: [0.5, 0.6], statistics: [0.7, 0.8], random: [0.1, 0.2])
    let data = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(EvaluationReport.self, from: data) == report)
  }

  private func report(
    model: [Double], statistics: [Double], random: [Double], available: Int = 400
  ) throws -> EvaluationReport {
    let split = try #require(
      EvaluationSplit(train: Array(0..<300), validation: [], test: Array(300..<400), seed: 0))
    return EvaluationReport(
      pictures: .init(
        split, available: available, classes: 10, viewed: 100, viewsPerPicture: 10, isQuick: false,
        seed: 0),
      rows: [
        row(.model, model, recall: 0.9), row(.randomNetwork, random, recall: 0.5),
        row(.imageStatistics, statistics),
      ], networkSeed: 3, seconds: 2)
  }

  private func row(
    _ subject: EvaluationReport.Subject, _ accuracies: [Double], recall: Double? = nil
  ) -> EvaluationReport.Row {
    EvaluationReport.Row(
      subject, dimension: 8,
      accuracies: zip([.neighbours(20), .linear], accuracies).map {
        EvaluationReport.Accuracy($0, top1: $1)
      },
      labelFree: recall.map {
        EvaluationReport.LabelFreeFigures(
          rankMe: 10, lidar: 5, viewRecall: $0, meanCosine: -0.1)
      })
  }
}
