-- main.db, version 4: how a setting was chosen that was left to the data, and what was expected of
-- the fit before it began.  NULL where nothing was.

ALTER TABLE job ADD COLUMN tuning_json TEXT;
ALTER TABLE job ADD COLUMN forecast_json TEXT;
