import DatasetLibrary
import HTTP
import Images
import JSONTree
import Recipes

/// `POST /v1/datasets/{id}/views`
struct ViewHandlers: Sendable {
  let library: DatasetLibrary
  let machine: MachineSize

  /// Members of the request that are not the recipe's.
  private static let ownFields: Set<String> = ["pictures", "shown_epochs"]
  private static let usualPictures = 8

  func show(_ request: Request) async throws -> Response {
    try request.allowQuery()
    let record = try library.record(try request.datasetID())
    let object = try await request.jsonObject(limit: 256 << 10)
    let limits = ViewGridLimits()
    var fields = FieldReader(object)
    let epochs = fields.integer("shown_epochs", in: 1...limits.epochs) ?? 2
    let chosen = pictures(&fields, of: record, limits: limits)
    let grid = try grid(object, &fields, of: record, epochs: epochs)
    if let grid, grid.width * grid.height(pictures: chosen.count) > limits.pixelCount {
      fields.fault(
        "pictures", "out_of_range",
        "The grid would have \(grid.width) x \(grid.height(pictures: chosen.count)) pixels; "
          + "\(limits.pixelCount) at most.")
    }
    guard let grid, fields.faults.isEmpty else { throw APIError.invalid(fields.faults) }
    let images = try chosen.map {
      (index: $0, image: try library.picture($0, of: record.id).image)
    }
    return Response(headers: ["Content-Type": "image/png"], body: .bytes(try grid(images).png()))
  }

  /// The numbers in `pictures`; without it some from all over the dataset.
  private func pictures(
    _ fields: inout FieldReader, of record: DatasetRecord, limits: ViewGridLimits
  ) -> [Int] {
    guard let value = fields.take("pictures") else {
      let count = min(Self.usualPictures, record.pictures)
      return (0..<count).map { $0 * record.pictures / count }
    }
    let numbers = value.arrayValue?.compactMap { $0.integerValue.flatMap(Int.init(exactly:)) }
    guard let numbers, numbers.count == value.arrayValue?.count else {
      fields.fault("pictures", "wrong_type", "It must be an array of pictures' numbers.")
      return []
    }
    guard (1...limits.pictures).contains(numbers.count),
      numbers.allSatisfy((0..<record.pictures).contains)
    else {
      fields.fault(
        "pictures", "out_of_range",
        "It must have 1…\(limits.pictures) numbers below \(record.pictures).")
      return []
    }
    return numbers
  }

  /// What a run with the rest of the fields would render; nil where they have faults.
  private func grid(
    _ object: JSONObject, _ fields: inout FieldReader, of record: DatasetRecord, epochs: Int
  ) throws(APIError) -> ViewGrid? {
    do throws(RecipeProblems) {
      let request = try RecipeRequest(reading: object, besides: Self.ownFields)
      let settings = try request.viewSettings(dataset: record.size, machine: machine)
      return ViewGrid(
        augmentations: settings.augmentations, side: settings.imageSize, seed: settings.seed,
        epochs: epochs)
    } catch {
      for fault in faults(of: error) { fields.add(fault) }
      return nil
    }
  }
}
