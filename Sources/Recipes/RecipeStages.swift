public import Images

/// A part of a run in which the views keep their side.
public struct RecipeStage: Hashable, Sendable {
  /// The recipe with that side as `imageSize`.
  public var recipe: Recipe
  /// The update (0-based) with which the next stage begins; the last stage's is the number of all updates.
  public var end: Int
}

extension Recipe {
  /// Stages of a run whose views grow, each as many updates.
  public static let growthStages = 3

  /// The stages of the run: one, or three in which the views grow from `startingSize` to `imageSize`.
  ///
  /// The sides between are multiples of 4. No parameter's shape depends on the side, so that a state goes from stage to stage as it is.
  public var stages: [RecipeStage] {
    let growth = imageSize - startingSize
    guard growth > 0 else { return [RecipeStage(recipe: self, end: totalSteps)] }
    let count = Recipe.growthStages
    return (0..<count).map { stage in
      let side = startingSize + growth * stage / (count - 1)
      var recipe = self
      recipe.imageSize = stage == count - 1 ? imageSize : max(startingSize, side / 4 * 4)
      recipe.startingSize = recipe.imageSize
      return RecipeStage(recipe: recipe, end: totalSteps * (stage + 1) / count)
    }
  }

  /// The stage of the update `step` (0-based); from the run's end on the last one.
  public func stage(at step: Int) -> RecipeStage {
    let stages = stages
    guard let last = stages.last else { preconditionFailure("A run has at least one stage.") }
    return stages.first { step < $0.end } ?? last
  }

  /// The pictures of the updates after the first `step`, each counted as often as its views have the pixels of views of `side`: with the
  /// speed of updates of that side, this many take as long.
  public func picturesLeft(after step: Int, side: Int) -> Double {
    var (left, first) = (0.0, 0)
    for stage in stages {
      let pixels = Double(stage.recipe.imageSize * stage.recipe.imageSize)
      let updates = max(0, stage.end - max(step, first))
      left += Double(updates * batchSize) * pixels / Double(side * side)
      first = stage.end
    }
    return left
  }

  /// The same with the speed of the update that comes after the first `step`.
  public func picturesLeft(after step: Int) -> Double {
    picturesLeft(after: step, side: stage(at: max(0, step - 1)).recipe.imageSize)
  }

  /// The time of the run over that of one whose views have `imageSize` throughout: about the mean of their pixels.
  var growthShare: Double {
    // Not by counting updates: while they are being chosen there may be none.
    let stages = stages
    let pixels = stages.reduce(0) { $0 + $1.recipe.imageSize * $1.recipe.imageSize }
    return Double(pixels) / Double(stages.count * imageSize * imageSize)
  }

  /// How strong the changes of views are over the run.
  public var augmentationGrowth: AugmentationGrowth {
    AugmentationGrowth(first: Float(startingStrength), updates: totalSteps)
  }
}
