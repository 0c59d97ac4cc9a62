# Compares mmrm.json with R: nlme::gls (corSymm, varIdent, REML) with emmeans, and lme4::lmer with lmerTest.
# lmer has no residual of its own to drop: the random effects of the visits take up the unstructured covariance, and the residual
# variance is part of its diagonal, so that its parameters are one too many; its Satterthwaite df are of a Hessian without the flat
# direction.
# Run:    Rscript mmrm_check.R mmrm.json
suppressPackageStartupMessages({library(jsonlite); library(nlme); library(emmeans); library(lme4); library(lmerTest)})
file <- commandArgs(trailingOnly = TRUE)[1]
for (p in c("nlme", "emmeans", "lme4", "lmerTest")) cat(p, as.character(packageVersion(p)), "")
cat(R.version.string, "\n")
sets <- fromJSON(file, simplifyVector = FALSE)$sets
off <- function(a, b) max(abs(a - b) / pmax(abs(b), 1e-300))
for (s in sets) {
  num <- function(x) if (is.null(x)) NA_real_ else as.numeric(x)
  V <- s$visits
  d <- do.call(rbind, lapply(s$patients, function(p) data.frame(
    id = p$id, arm = p$arm, x = p$baseline - s$mean_baseline, v = seq_len(V), y = sapply(p$change, num))))
  d <- d[!is.na(d$y), ]
  d$arm <- factor(d$arm, levels = c("placebo", "active")); d$visit <- factor(d$v); d$id <- factor(d$id)
  get <- function(l, k) sapply(l, function(q) q[[k]])
  S <- matrix(unlist(s$covariance), V)
  ours <- get(s$differences, "estimate")

  fit <- gls(y ~ arm * visit + x * visit, data = d, method = "REML", na.action = na.omit,
    correlation = corSymm(form = ~ v | id), weights = varIdent(form = ~ 1 | visit),
    control = glsControl(tolerance = 1e-12, msTol = 1e-14, maxIter = 500, msMaxIter = 5000, opt = "nlminb"))
  R <- as.matrix(corMatrix(fit$modelStruct$corStruct)[[which.max(table(d$id))]])
  w <- coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)[as.character(seq_len(V))]
  SR <- R * outer(w, w) * fit$sigma^2
  em <- emmeans(fit, ~ arm | visit, at = list(x = 0), mode = "df.error")
  m <- as.data.frame(em)
  pick <- function(a) m[m$arm == a, ]
  dif <- as.data.frame(contrast(em, "revpairwise"), by = NULL)
  cat("==", s$name, "gls\n")
  cat("minus2_reml", -2 * as.numeric(logLik(fit)), "difference", -2 * as.numeric(logLik(fit)) - s$minus2_reml, "\n")
  cat("relative differences: covariance", off(SR, S), "means", off(pick("placebo")$emmean, get(s$means$placebo, "estimate")),
    off(pick("active")$emmean, get(s$means$active, "estimate")), "their se", off(pick("placebo")$SE, get(s$means$placebo, "se")),
    off(pick("active")$SE, get(s$means$active, "se")), "differences", off(dif$estimate, ours), "their se", off(dif$SE, get(s$differences, "se")), "\n")
  sat <- try(as.data.frame(contrast(emmeans(fit, ~ arm | visit, at = list(x = 0), mode = "satterthwaite"), "revpairwise"), by = NULL), silent = TRUE)
  if (inherits(sat, "try-error")) cat("no satterthwaite by emmeans:", sat) else cat("df emmeans", format(sat$df, digits = 8), "\n")
  cat("df here   ", format(get(s$differences, "df"), digits = 8), "\n")

  two <- suppressMessages(suppressWarnings(lmerTest::lmer(y ~ 0 + arm:visit + x:visit + (0 + visit | id), data = d, REML = TRUE,
    control = lmerControl(check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore", check.conv.singular = "ignore", calc.derivs = FALSE,
      optimizer = "bobyqa", optCtrl = list(maxfun = 200000, rhoend = 1e-9)))))
  SL <- as.matrix(VarCorr(two)$id) + diag(V) * sigma(two)^2
  names <- names(fixef(two))
  L <- t(sapply(seq_len(V), function(k) (names == paste0("armactive:visit", k)) - (names == paste0("armplacebo:visit", k))))
  tab <- suppressWarnings(contest(two, L, joint = FALSE))
  cat("== lmer\nminus2_reml", -2 * as.numeric(logLik(two)), "difference", -2 * as.numeric(logLik(two)) - s$minus2_reml, "\n")
  cat("relative differences: covariance", off(SL, S), "differences", off(tab$Estimate, ours), "their se", off(tab$`Std. Error`, get(s$differences, "se")),
    "df", off(tab$df, get(s$differences, "df")), "p", off(tab$`Pr(>|t|)`, get(s$differences, "p")), "\n")
  cat("df lmerTest", format(tab$df, digits = 8), "\n")
}
